"""One adapter per wire dialect. Quirks come in as data; nothing here looks at the name of a provider or model."""
