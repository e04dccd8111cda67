"""What the tests of every service use: a real PostgreSQL, clients, and an issuer of tokens."""
