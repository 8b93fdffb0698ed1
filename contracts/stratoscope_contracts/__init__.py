"""The wire contract: models of every record and verb, subjects and error codes.

Import what is needed from its module (`records`, `subjects`, `verbs`, …): an agent that only
records does not pay for the models of fifty verbs.
"""
