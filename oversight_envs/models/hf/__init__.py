"""Any Hugging Face causal language model, in this process."""
