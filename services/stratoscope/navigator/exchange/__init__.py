"""Taking a session and its recording elsewhere: `session.export` and `session.import`.

`formats` spells an export's members as bytes and reads them back within bounds. `collecting` reads
them out of the database, `exporting` sends them to the object store. `importing` looks through an
export, and only then has `publishing` record it anew.
"""
