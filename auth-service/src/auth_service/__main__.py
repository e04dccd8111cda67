"""`python -m auth_service` is the command line."""

from auth_service.commands import main

main()
