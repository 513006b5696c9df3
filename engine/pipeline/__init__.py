"""The one place where stages and stores meet. Each file is one thing banso does, told from beginning to end."""
