"""Begins a supervisor: `python -I -S shim.py FOLDER`. What it imports is of the standard library and beside it, nothing else."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))

from codewhale.workspace.background.supervisor import main

if __name__ == "__main__":
    main(sys.argv[1])
