"""How every list is asked for and answered: filters, cursors, pages. Must not know which resources there are."""
