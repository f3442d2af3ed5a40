"""How the bundled demo model is made: scenes, tokenizer, autoencoder, denoiser, judge, export."""
