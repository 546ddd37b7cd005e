"""The program `python -m orm_async_tests`."""

from orm_async_tests.cli import main

raise SystemExit(main())
