"""Declares the subcommands of `orm-async-tests`.

The first line of a text has the name of the command and a summary, which begins with a verb. The
other lines declare the options, as the module command_options explains. The module of a function is
imported only when its command runs, so that other commands and `--help` start fast.
"""

from orm_async_tests import catalogue, github
from orm_async_tests.command_options import (
    DATABASE,
    DEFAULT_LOOP,
    DRIVER,
    DRIVERS,
    LOOP,
    POOLER_MODES,
    SQLITE,
    STACK,
    UVLOOP,
    VIEWS,
)

CHOICE = f"""{DATABASE}
    --service   use the embedded server of the service, not that of the scripts
"""
TABLES = """
    --markdown FILE  also write the tables as Markdown
    --junit FILE     also write the results as JUnit's XML, for a CI server
"""
COMMANDS = {  # functions, and texts; in the order in which `--help` lists them
    "cli.script_texts:list_scripts": f"""
    list  list the scripts by chapter
    [WORD...]          only scripts that contain these words, the best match first
    --chapter NAME...  only the scripts of this chapter: {", ".join(catalogue.CHAPTERS)}
    --since VERSION    only scripts about features that are new in this version of SQLAlchemy, for
        example 2.1
    --path             the {len(catalogue.LEARNING_PATH)} scripts to read first, in reading order
    """,
    "cli.script_runs:run": f"""
    run  run scripts and print their verdicts
    [NUMBER...]        numbers or ranges of scripts, for example 1 or 5-7
    --chapter NAME...  run the scripts of this chapter
    --all              run every script
    --anyway           also run scripts about a newer SQLAlchemy than the installed one
    --json             print the results as one JSON document
    --ndjson           print each result as one line of JSON as soon as it is known
    -v, --verbose...   print the SQL of each variant and the evidence; -vv prints them in full
    --require NEED     fail instead of skipping scripts if this is missing, for example pgbouncer or
        pgbouncer,standby
    {github.OPTION}
    {STACK}
    {VIEWS}
    """,
    "cli.script_texts:explain": """
    explain  print the text and the code of scripts and rules
    NUMBER...  numbers or ranges of scripts, for example 1 or 5-7; or codes of the checker's rules,
        for example OAT201
    """,
    "cli.why:why": """
    why  look up the cause and the cure of an error, or search for words
    [TEXT...]  an error, a traceback or words (without a text: read standard input)
    """,
    "cli.database:url": f"""
    db url  print the URL of the database, for DATABASE_URL
    {CHOICE}
    --password  include the password
    """,
    "cli.database:status": f"""
    db status  show the state of the database without starting anything
    {CHOICE}
    """,
    "cli.embedded_server:start": f"""
    db start  start the embedded server
    {CHOICE}
    --for TIME  keep the server running this long even when idle, for example 2h or 1h30m
    """,
    "cli.embedded_server:stop": f"""
    db stop  stop the embedded server
    {CHOICE}
    """,
    "cli.embedded_server:reset": f"""
    db reset  delete the data of the embedded server; the next command creates it again
    {CHOICE}
    """,
    "cli.database:psql": f"""
    db psql  open psql on the database; pass psql's options after --
    {CHOICE}
    OPTION ...  options for psql, after --, for example -- -c 'SELECT 1'
    """,
    "cli.database:alembic": f"""
    db alembic  run an Alembic command without an alembic.ini, for example upgrade head
    {CHOICE}
    WORD ...    the Alembic command, for example upgrade head
    """,
    "cli.embedded_server:log": f"""
    db log  print the end of the embedded server's log, and its path
    {CHOICE}
    """,
    "cli.database:doctor": f"""
    doctor  check whether the scripts can run on this machine
    {DATABASE}{DRIVER}{LOOP}
    """,
    "cli.audit:audit": f"""
    audit  list the known defects of the library versions that you use
    [FILE]                 poetry.lock, uv.lock, pdm.lock, pylock.toml, Pipfile.lock or
        requirements.txt (without a file: the versions that are installed here)
    --to NAME==VERSION...  list the defects that remain after an upgrade, for example to
        sqlalchemy==2.1.9
    | --json               print the result as a JSON document
    | --markdown           print the result as a table in Markdown
    | --sarif              print the result as SARIF 2.1.0, for a code host
    {github.OPTION}
    """,
    "cli.bisect:bisect": f"""
    bisect  find the releases in which a script shows a defect
    NUMBER                         the number of a script, for example 38
    --library sqlalchemy|asyncpg|psycopg  the library whose releases run (default: sqlalchemy)
    --since VERSION                the first release (without it: the oldest supported one)
    --until VERSION                the last release (without it: the newest supported one)
    --every                        run every release instead of bisecting
    --driver NAME                  {" or ".join(DRIVERS)}
    --with NAME==VERSION...        also install this release of another library, for example
        asyncpg==0.31.0
    | --json                       print the result as a JSON document
    | --entry                      also print the entry for the script: an Upstream(...) with these
        ranges
    """,
    "cli.matrix:matrix": f"""
    matrix  run scripts on many stacks (combinations of versions and servers)
    [NUMBER...]        numbers or ranges of scripts, for example 1 or 5-7 (without it: all)
    --preset NAME      quick, standard or full (default: quick)
    --shard PART       run only this part of the stacks, for example 1/3
    --jobs N           run this many stacks at a time (without it: as many as there are processors)
    --timeout SECONDS  seconds that a script may take (default: 60)
    --output FILE      the file to write (default: matrix.ndjson)
    --list             print the stacks, but run no script
    {TABLES}
    {github.OPTION}
    # axes: Use these options to run all combinations of their values instead of a preset.
    --python VALUE...      a minor version, for example 3.12
    --sqlalchemy VALUE...  a release, for example 2.1.4, or a minor version, for example 2.0, which
        means its newest release
    --asyncpg VALUE...     a release, for example 0.31.0
    --psycopg VALUE...     a release, for example 3.2.3
    --aiosqlite VALUE...   a release, for example 0.21.0
    --driver {"|".join((*DRIVERS, SQLITE))}...  a driver
    --loop {DEFAULT_LOOP}|{UVLOOP}...  an event loop
    --pooler {"|".join(POOLER_MODES)}...  a mode of PgBouncer
    --server VALUE...      a folder with PostgreSQL's programs, system, or a URL
    """,
    "cli.matrix:merge": f"""
    merge  merge the results of several shards of a matrix
    FILE...          a file with the results of a shard
    --output FILE    the file to write (default: merged.ndjson)
    {TABLES}
    """,
    "cli.matrix:diff": """
    diff  show what changed between two runs of a matrix
    BEFORE  the file with the results of the earlier run
    AFTER   the file with the results of the later run
    """,
    "cli.faults:sweep_patterns": f"""
    faults  inject faults, for example a cancellation, into a pattern or into your own function
    --pattern NAME...  a pattern, for example transfer, or your function as module:function
    --rows SQL         a query that returns one row of numbers, which your function changes, for
        example 'select count(*) from orders'
    --fault KIND...    inject only this kind of fault, for example cancel (see docs/faults.md)
    --point TOKEN      run only the fault point that this token names; the output names a token for
        every failure
    --json             print the result as a JSON document
    {DATABASE}{DRIVER}{LOOP}
    """,
    "lint.lint_command:run": """
    lint  find misuse of async SQLAlchemy in source code
    [PATH...]               files and folders (without a path: the current folder); - reads
        standard input
    --format text|concise|json|sarif|github|gitlab  the format of the output (default: text)
    --select CODES...       run only these rules: codes or their beginnings, for example
        OAT1,OAT201
    --ignore CODES...       do not run these rules: codes or their beginnings
    --exclude PATTERN...    skip the paths that match this pattern of .gitignore syntax
    --stdin-filename FILE   the file name to show for source code from standard input
    --baseline FILE         do not show the known findings that this file lists
    --include-tests         also check tests and migrations
    --write-baseline        write all findings to the baseline file
    --fix                   correct findings where a change of the source is safe
    --warn-unused-ignores   also report comments that suppress nothing
    --exit-zero             exit with code 0 even if there are findings
    --no-cache              check every file again, and do not store the results
    -j, --jobs N            processes (without this option: as many as there are CPUs)
    """,
    "cli.bench:bench": """
    bench  compare SQLAlchemy patterns with plain asyncpg (only in a clone of the repository)
    [ARGUMENT...]  the options of the benchmark
    """,
    "cli.report_page:report": f"""
    report  write one HTML page of scripts and their verdicts
    [RESULT...]        JSON files of run, matrix, faults or bench (without a file: run all scripts)
    -o, --output FILE  the file to write (default: report.html)
    --diff             show what changed from the first file to the second; exit with 1 if a result
        got worse
    --site FOLDER      write the page as index.html, with catalogue.json, llms.txt and badge.json
    --badge FILE       also write the JSON of a shields.io endpoint
    {STACK}
    """,
}
