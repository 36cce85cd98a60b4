"""Reading logs: formats as data, the slice of a window, records in canonical columns, and rates over them.

formats/     one TOML file a format, with sample lines and the address of its documentation
columns      canonical columns, and the SQL that finds them
inputs       logs as they are given: files, pipes, the members of archives
archives     the text of a packed file, within a limit
scan         the bytes: lines to recognise a log by, and what has to be cleaned of it
slices       where in a file a window begins and ends, found by bisection
prepare      what is known of a source before it is read
pieces       sources in pieces of whole lines
extract      pieces -> Parquet with all canonical columns, once, on all cores
cache        the same kept beside an incident
reading      sources and a window -> Records: views over the columns, asked by DuckDB
queries/     one question over the records, one .sql file
accounting   what became of every line
remarks      what a reader has to know of a file, said everywhere the same
rates        the answers to them, as typed rows
"""

from incident_kit.logs.accounting import Account
from incident_kit.logs.columns import COLUMNS, Dependency
from incident_kit.logs.reading import Records, read

__all__ = ["COLUMNS", "Account", "Dependency", "Records", "read"]
