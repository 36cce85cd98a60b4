"""The only code that talks to a live system: read-only questions, one file for each kind of system.

From a question to an answer there is one way:

    ask        systems asked side by side, each answer stored
    systems    which systems a configuration names
    redis, postgres, health, whmcs, salesforce, environment, process
               a function `ask` each, which yields an Answer for every question;
               nothing is raised for what a system does
    session    what every question shares: its allowance, its ledger, and how a failure becomes an answer

What these rest on:

    addresses  the addresses of systems, taken apart and shown
    network    finding a host, and failures of the network
    failures   what a failure of PostgreSQL or Redis means, and whose fault it is
    http       one bounded request
    postgres_connection, redis_connection
               connecting and sending, in the ledger and in time
    cgroup     what confines a process

What may be sent is fixed here and nowhere else: `postgres_statements` with queries/postgres/*.sql (one question a file;
its first comment is the question in words), COMMANDS of `redis_connection`, ACTIONS of `whmcs`.
"""
