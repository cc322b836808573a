import flambeau


def on_threads(function):
    """What function() gives on 1, 2, 3 and 16 threads."""
    before, results = flambeau.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 16):
            flambeau.set_num_threads(threads)
            results.append(function())
    finally:
        flambeau.set_num_threads(before)
    return results
