pytest_plugins = ["tests.notebooks.nbval_course"]
