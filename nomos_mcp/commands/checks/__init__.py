"""What the doctor looks at: one file for this computer, one for Nomos. Prints nothing and changes nothing."""
