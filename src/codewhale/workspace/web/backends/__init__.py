"""Search services, one file each: the request for a query, and the results in what comes back. Pure; nothing here connects."""
