"""What an author runs: outputs, times and the ledger of the notebooks, and the network blocked."""
