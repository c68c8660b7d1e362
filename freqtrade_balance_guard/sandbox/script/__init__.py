"""What a sandbox is handed from outside: its scenario, its faults, its clock."""
