"""What a fleet costs on AWS a month: `prices.yaml` has the prices, `fleet` what charge points do, `bill` the sums."""
