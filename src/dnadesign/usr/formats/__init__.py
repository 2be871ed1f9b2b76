"""File formats that sequences and annotations come in; imported when used."""
