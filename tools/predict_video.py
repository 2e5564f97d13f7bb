"""Another name of predict.py, which predicts images and videos."""

from predict import main

from fer_ssl.launch import run

if __name__ == '__main__':
    run(main)
