"""A browser without a window; tests are skipped where there is none."""

import json
import shutil
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


def find_browser():
    """Path of a browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f'needs a browser: none of {", ".join(BROWSERS)} is here')
    return browser


@contextmanager
def open_browser(*options):
    """Drive a browser by Selenium."""
    browser = find_browser()
    selenium = pytest.importorskip('selenium.webdriver')
    driver = shutil.which('chromedriver')
    if driver is None:  # Selenium would download one
        pytest.skip('needs chromedriver to drive the browser')
    settings = selenium.ChromeOptions()
    settings.binary_location = browser
    for option in (
        'headless=new',
        'no-sandbox',
        'disable-gpu',
        'disable-dev-shm-usage',
        'window-size=1280,1000',
        *options,
    ):
        settings.add_argument(f'--{option}')
    settings.set_capability('goog:loggingPrefs', dict(performance='ALL'))
    service = selenium.ChromeService(driver)
    opened = selenium.Chrome(settings, service)
    try:
        yield opened
    finally:
        opened.quit()


def contacted(driver):
    """Hosts and ports that the pages have sent requests to."""
    found = set()
    for entry in driver.get_log('performance'):
        message = json.loads(entry['message'])['message']
        if message['method'] == 'Network.requestWillBeSent':
            url = message['params']['request']['url']
        elif message['method'] == 'Network.webSocketCreated':
            url = message['params']['url']
        else:
            continue
        if not url.startswith(('data:', 'blob:')):
            found.add(urlsplit(url).netloc)
    return found
