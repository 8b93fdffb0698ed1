"""Breakpoints watched live: from what a projector commits to a hit that stands once.

Partitions are leased, so that of several replicas one watches each (`term`). A `lane` takes what
the projector tells of a batch, fills what it was not told from the database, has it judged and
keeps the hits together with how far it got, in one statement that the lease fences. From the table
they are published (`outbox`). So a crash leaves both a hit and the progress past it, or neither;
and what was kept but not published is published by who comes next.

`reading` reads stored breakpoints and `arming` holds them; `lines` turns rows into records, and
`states` has the documents around them. `judging` finds what could be hit, `truths` asks the workers
about expressions, `deciding` decides; `hitting` spells hits, and `messages` what they say. `seeing`
answers who has to know that every breakpoint has seen a record; `pruning` drops what was published
long ago.
"""
