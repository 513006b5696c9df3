"""Records: what happened, to whom, when, and since when we know. Readers of sources, the lake of Parquet buckets, and its tail."""
