"""`python -m items_service` is the command line."""

from items_service.commands import main

main()
