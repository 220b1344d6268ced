"""`python -m tastelm`."""

from tastelm.cli import main

main()
