"""The servers that the services are compared with; each is a module that serves one application."""
