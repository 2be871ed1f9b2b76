"""densegen: libraries of DNA designs, densely packed with binding sites, written into a usr dataset."""
