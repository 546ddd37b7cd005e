"""Declares the subcommands of `orm-async-tests`.

In COMMANDS, a key names the function of a subcommand, and its value is the help text. A help text
begins with the name of the subcommand and a summary. After the summary, a help text describes the
options in the form that the module command_options explains. The command imports only the module of
the chosen subcommand, so that `--help` starts fast.
"""

from orm_async_tests import catalogue, github, stack_options
from orm_async_tests.command_options import VIEWS

CHOICE = f"""{stack_options.DATABASE}
    --service   use the embedded server of the service, not the server of the scripts
"""
TABLES = """
    --markdown FILE  also write the tables as Markdown
    --junit FILE     also write the results as JUnit's XML, for a CI server
"""
COMMANDS = {  # functions, and texts; in the order in which `--help` lists them
    "cli.script_texts:list_scripts": f"""
    list  list the scripts by chapter
    [WORD...]          list only scripts that contain all these words, with the best match first
        (if there is none: scripts that contain any of the words)
    --chapter NAME...  list only the scripts of this chapter: {", ".join(catalogue.CHAPTERS)}
    --since VERSION    list only scripts about features that this version of SQLAlchemy
        introduced, for example 2.1
    --path             list the {len(catalogue.LEARNING_PATH)} scripts to read first, in order
    """,
    "cli.script_runs:run": f"""
    run  run scripts and print their verdicts
    [NUMBER...]        numbers or ranges of scripts, for example 1 or 5-7
    --chapter NAME...  run the scripts of this chapter
    --all              run every script
    --anyway           also run scripts that need a newer SQLAlchemy than the installed release
    | --json           print the results as one JSON document
    | --ndjson         print each result as one line of JSON as soon as it is known
    -v, --verbose...   print the SQL of each variant and the evidence; -vv prints both in full
    --require NEED     fail if this requirement is missing, instead of skipping scripts, for example
        pgbouncer or pgbouncer,standby
    {github.OPTION}
    {stack_options.STACK}
    {VIEWS}
    """,
    "cli.script_texts:explain": """
    explain  print the text and the code of scripts and rules
    NUMBER...  numbers or ranges of scripts, for example 1 or 5-7; or codes of the checker's rules,
        for example OAT201
    """,
    "cli.why:why": """
    why  look up the cause and the cure of an error, or search for words
    [TEXT...]  look up this error, traceback or words (without a text: read standard input)
    """,
    "cli.database:url": f"""
    db url  print the URL of the database, without its password unless you add --password
    {CHOICE}
    --password  print the password in the URL
    """,
    "cli.database:status": f"""
    db status  show the state of the database without starting anything
    {CHOICE}
    """,
    "cli.embedded_server:start": f"""
    db start  start the embedded server
    {CHOICE}
    --for TIME  keep an idle server running for this time, for example 2h or 1h30m
    """,
    "cli.embedded_server:stop": f"""
    db stop  stop the embedded server
    {CHOICE}
    """,
    "cli.embedded_server:reset": f"""
    db reset  delete the data of the embedded server; the next command creates a new database
    {CHOICE}
    """,
    "cli.database:psql": f"""
    db psql  open psql on the database; pass psql's options after --
    {CHOICE}
    OPTION ...  pass these options to psql, after --, for example -- -c 'SELECT 1'
    """,
    "cli.database:alembic": f"""
    db alembic  run an Alembic command without an alembic.ini, for example upgrade head
    {CHOICE}
    WORD ...    run this Alembic command, for example upgrade head
    """,
    "cli.embedded_server:log": f"""
    db log  print the end of the embedded server's log, and its path
    {CHOICE}
    """,
    "cli.database:doctor": f"""
    doctor  check whether the scripts can run on this machine
    {stack_options.DATABASE}{stack_options.DRIVER}{stack_options.LOOP}
    """,
    "cli.audit:audit": f"""
    audit  list the known defects of the library versions that you use
    [FILE]                 read the versions from poetry.lock, uv.lock, pdm.lock, pylock.toml,
        Pipfile.lock or requirements.txt (without a file: audit the installed packages)
    --to NAME==VERSION...  list the defects that remain after an upgrade, for example to
        sqlalchemy==2.1.9
    | --json               print the result as a JSON document
    | --markdown           print the result as a table in Markdown
    | --sarif              print the result as SARIF 2.1.0, for a code host
    {github.OPTION}
    """,
    "cli.bisect:bisect": f"""
    bisect  find the releases in which a script shows a defect
    NUMBER                         run the script with this number, for example 38
    --library sqlalchemy|asyncpg|psycopg  run releases of this library (default: sqlalchemy)
    --since VERSION                begin with this release (without --since: the oldest
        supported release)
    --until VERSION                end with this release (without --until: the newest
        supported release)
    --every                        run every release instead of bisecting
    --driver NAME                  connect with {" or ".join(stack_options.DRIVERS)}
    --with NAME==VERSION...        also install this release of another library, for example
        asyncpg==0.31.0
    | --json                       print the result as a JSON document
    | --entry                      also print an Upstream(...) with the affected releases, to paste
        into the script
    """,
    "cli.matrix:matrix": f"""
    matrix  run scripts on many stacks (combinations of versions and servers)
    [NUMBER...]        numbers or ranges of scripts, for example 1 or 5-7 (without a number: all)
    --preset NAME      run the stacks of this preset: quick, standard or full (without --preset:
        quick)
    --shard PART       run only this part of the stacks, for example 1/3
    --jobs N           run this many stacks at a time (without --jobs: one per processor)
    --timeout SECONDS  let a script run for at most this many seconds (default: 60)
    --output FILE      write the results into this file (default: matrix.ndjson)
    --list             print the stacks, but run no script
    {TABLES}
    {github.OPTION}
    # axes: Use these options to run all combinations of their values instead of a preset.
    --python VALUE...      use this minor version of Python, for example 3.12
    --sqlalchemy VALUE...  use this release, for example 2.1.4, or the newest release of this minor
        version, for example 2.0
    --asyncpg VALUE...     use this release, for example 0.31.0
    --psycopg VALUE...     use this release, for example 3.2.3
    --aiosqlite VALUE...   use this release, for example 0.21.0
    --driver {"|".join((*stack_options.DRIVERS, stack_options.SQLITE))}...  use this driver
    --loop {stack_options.DEFAULT_LOOP}|{stack_options.UVLOOP}...  use this event loop
    --pooler {"|".join(stack_options.POOLER_MODES)}...  connect through PgBouncer in this mode
    --server VALUE...      use this server: a folder with PostgreSQL's programs, system, or a URL
    """,
    "cli.matrix:merge": f"""
    merge  merge the results of several shards of a matrix
    FILE...          read the results of a shard from this file
    --output FILE    write the results into this file (default: merged.ndjson)
    {TABLES}
    """,
    "cli.matrix:diff": """
    diff  show what changed between two runs of a matrix
    BEFORE  read the results of the earlier run from this file
    AFTER   read the results of the later run from this file
    """,
    "cli.faults:sweep_functions": f"""
    faults  inject faults, for example a cancellation, into a pattern or into your own function
    --pattern NAME...  run this pattern, for example transfer, or your function as module:function
    --rows SQL         check your function's changes with this query, which returns one row of
        numbers, for example 'select count(*) from orders'
    --fault KIND...    inject only this kind of fault, for example cancel (see docs/faults.md)
    --point TOKEN      run only the fault point that this token names; the output prints a token
        for every failure
    --json             print the result as a JSON document
    {stack_options.DATABASE}{stack_options.DRIVER}{stack_options.LOOP}
    """,
    "lint.lint_command:run": """
    lint  find misuse of async SQLAlchemy in source code
    [PATH...]               check these files and folders (without a path: the current folder);
        - reads standard input
    --format text|concise|json|sarif|github|gitlab  print findings in this format (default: text)
    --select CODES...       run only these rules: codes or prefixes of codes, for example
        OAT1,OAT201
    --ignore CODES...       do not run these rules: codes or prefixes of codes
    --exclude PATTERN...    skip paths that match this pattern, in the syntax of .gitignore
    --stdin-filename FILE   show this file name for source code from standard input
    --baseline FILE         hide the known findings that this file lists
    --include-tests         also check tests and migrations
    --write-baseline        write all findings to the baseline file
    --fix                   correct findings where a change of the source is safe
    --warn-unused-ignores   also report suppression comments that have no effect
    --exit-zero             exit with code 0 even if there are findings
    --no-cache              check every file again, and do not store the results
    -j, --jobs N            run this many processes (without this option: one per CPU)
    """,
    "cli.bench:bench": """
    bench  compare SQLAlchemy patterns with plain asyncpg (only in a clone of the repository)
    [ARGUMENT...]  pass these options to the benchmark
    """,
    "cli.report_page:report": f"""
    report  write one HTML page of scripts and their verdicts
    [RESULT...]        read these JSON files of run, matrix, faults or bench (without a file: run
        all scripts)
    -o, --output FILE  write the page into this file (without --output: report.html)
    --diff             show what changed from the first file to the second; exit with 1 if a result
        got worse, or if the second file is incomplete
    --site FOLDER      write the page as index.html, with catalogue.json, llms.txt and badge.json
    --badge FILE       also write the JSON of a shields.io endpoint
    {stack_options.STACK}
    """,
}
