"""`python -m examples.stand_ins`: all stand-ins at http://127.0.0.1:9210, until Ctrl-C."""

from werkzeug.serving import run_simple

from examples.stand_ins import PORT, SECRETS, create_app

if __name__ == "__main__":
    print("The recipes' secrets:", *(f"{name}={value}" for name, value in SECRETS.items()))
    run_simple("127.0.0.1", PORT, create_app(), threaded=True)
