"""Where logs come from: sources bring bytes, framings cut records, formats make events of them."""
