"""banso (伴走): a tech-touch engine for B2B SaaS customer success."""
