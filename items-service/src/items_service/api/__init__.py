"""HTTP: endpoints and the wiring behind them."""
