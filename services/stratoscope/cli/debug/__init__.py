"""`stratoscope debug`: a prompt on one agent's recording, in the manner of gdb and pdb.

`table` names every command once, for reading, help and completion alike; `desk` is what they work
at: a session and where it stands. `conversing` reads lines and obeys them, `interrupts` leaves what
takes too long. Only `terminal` knows prompt_toolkit, whose import all other commands would pay for.
"""
