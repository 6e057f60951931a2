"""`python -m console` is `millrace`."""

from console.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
