"""All that leaves the machine on behalf of the model, model calls aside: fetching, searching, the proxy of commands."""
