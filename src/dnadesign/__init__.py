"""dnadesign: a sequence store and the design tools that write into it."""
