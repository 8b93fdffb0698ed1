"""Breakpoints watched live: from what a projector commits to a hit that stands once.

Partitions are leased, so that of several replicas one watches each (`term`). A `lane` takes what
the projector tells of a batch, fills what it was not told from the database, has it judged and
keeps the hits together with how far it got, in one statement that the lease fences. From the table
they are published (`outbox`). So a crash leaves both a hit and the progress past it, or neither;
and what was kept but not published is published by who comes next.

`arming` holds the breakpoints, `lines` turns rows into records, `states` the documents around
them, `judging` finds what is hit, `truths` asks the workers about expressions, `hitting` spells
hits. `seeing` answers who has to know that every breakpoint has seen a record.
"""
