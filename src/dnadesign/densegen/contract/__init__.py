"""What a design run is made of: plain values and rules, without files, processes or solvers."""
