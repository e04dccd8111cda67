"""The command line, as `items-service` or `python -m items_service`."""

from service_chassis.garbage import made_to_stay


def main() -> None:
    """Run it."""
    with made_to_stay():
        from items_service.commands import main as run_commands

    run_commands()


if __name__ == "__main__":
    main()
