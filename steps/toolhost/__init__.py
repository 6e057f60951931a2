"""The warm child process in which users' Python runs."""
