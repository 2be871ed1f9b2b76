"""The packing solver, behind one adapter and in processes of its own that can be killed."""
