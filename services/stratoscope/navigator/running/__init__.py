"""Running through the past to where a condition is hit.

`candidates` finds, by index, the records at which it could be; `looking` reads what they were and
the states around them; `groups` judges them by the rules that live evaluation judges by; `seeking`
runs, in either direction, within a budget. Nothing is locked and no database session is held from
one page to the next.
"""
