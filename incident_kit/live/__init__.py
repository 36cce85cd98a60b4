"""The only code that talks to a live system: read-only questions, one file for each kind of system.

conversation   what every question shares: its allowance, its ledger, and how a failure becomes an answer
network        finding a host, and failures of the network in plain words
http           one bounded request
redis, postgres, health, whmcs, salesforce, environment, process
               a function `ask` each, which yields an Answer for every question; nothing is raised for what a system does
queries/postgres/*.sql
               one question a file; its first comment is the question in words

What may be sent is fixed here and nowhere else: the command lists, the .sql files, the list of WHMCS actions.
"""
