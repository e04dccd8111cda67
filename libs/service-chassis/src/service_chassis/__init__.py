"""What every Tandem service uses unchanged; knows no service."""
