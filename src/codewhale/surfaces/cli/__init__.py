"""The command line. main.py is the entry file and loads a command's code only when it runs."""
