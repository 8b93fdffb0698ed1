"""Sessions: an operator's place in one agent's timeline, kept.

`holding` finds a session and holds it still, `placing` says where it stands, `living` has its life
cycle, `moving` its moves, `marking` its marks, and `remembering` what else it knows. Nothing of a
session is kept in memory: any replica answers.
"""
