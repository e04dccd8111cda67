"""A real Chromium uses the docs page: it logs in, calls items-service and talks to no other host."""

import json
import shutil
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import Select, WebDriverWait

WAIT_SECONDS = 20
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)
REDRAWN = (ElementClickInterceptedException, ElementNotInteractableException, StaleElementReferenceException)
FLAGS = [
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to start as root with its sandbox, and containers run tests as root
    "--disable-dev-shm-usage",  # 64 MB of /dev/shm in a container are not enough
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1280,1600",
]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


class Pair(Protocol):
    """What this test needs of the running pair."""

    base_url: str
    superuser_email: str
    superuser_password: str


class DocsPage:
    """What a person does on the page, in their words."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self._browser = browser
        browser.get(url)
        self.wait_for_title()

    def wait_for_title(self, text: str = "") -> None:
        """Wait until a document is shown whose link contains `text`."""
        self._wait().until(expected.text_to_be_present_in_element((By.CSS_SELECTOR, ".info .link .url"), text))
        self._visible(".opblock-tag-section .opblock")

    def switch_to(self, name: str) -> None:
        """Choose another API in the drop-down."""
        drop_down = Select(self._visible(".download-url-wrapper select"))
        option = next(option for option in drop_down.options if option.text == name)
        url = option.get_attribute("value") or ""
        drop_down.select_by_visible_text(name)
        self.wait_for_title(url)

    def names_in_drop_down(self) -> list[str]:
        """Return the APIs on offer."""
        return [option.text for option in Select(self._visible(".download-url-wrapper select")).options]

    def log_in(self, email: str, password: str) -> None:
        """Use the Authorize button."""
        self._click(".btn.authorize")
        self._visible("#oauth_username").send_keys(email)
        self._visible("#oauth_password").send_keys(password)
        self._click(".modal-ux .auth-btn-wrapper .authorize")
        self._wait().until(
            expected.text_to_be_present_in_element((By.CSS_SELECTOR, ".modal-ux .auth-btn-wrapper"), "Logout"),
            f"no login: {self._visible('.modal-ux').text}",
        )
        self._click(".modal-ux .btn-done")
        self._wait().until(expected.invisibility_of_element_located((By.CSS_SELECTOR, ".modal-ux")))

    def execute_get(self, path: str) -> tuple[str, str]:
        """Press Try it out and Execute; return the status and the body on the screen."""
        operation = f".opblock-get:has([data-path='{path}'])"
        self._click(f"{operation} .opblock-summary-control")
        self._click(f"{operation} .try-out__btn")
        self._click(f"{operation} .execute")
        response = f"{operation} .live-responses-table .response"
        status = self._visible(f"{response} .response-col_status").text
        return status.strip(), self._visible(f"{response} .highlight-code").text

    def _click(self, selector: str) -> None:
        def clicked(browser: Chrome) -> bool:
            browser.find_element(By.CSS_SELECTOR, selector).click()
            return True

        # The page redraws while it loads: an element can be replaced or covered between finding and clicking it.
        self._wait(*REDRAWN).until(clicked, selector)

    def _visible(self, selector: str) -> WebElement:
        return self._wait().until(expected.visibility_of_element_located((By.CSS_SELECTOR, selector)), selector)

    def _wait(self, *ignored: type[WebDriverException]) -> WebDriverWait[Chrome]:
        return WebDriverWait(self._browser, WAIT_SECONDS, poll_frequency=0.05, ignored_exceptions=ignored)


@pytest.fixture(scope="module")
def started_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    driver = shutil.which("chromedriver")
    # Selenium would otherwise download one.
    assert driver is not None, "Chromium is installed but chromedriver is not"
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with Chrome(options=options, service=ChromeService(driver)) as browser:
        yield browser


@pytest.fixture
def browser(started_browser: Chrome) -> Chrome:
    # Chromium opens its new-tab page first; what that one loads is not the docs page's doing.
    started_browser.get("about:blank")
    for kind in ("browser", "performance"):
        read_log(started_browser, kind)
    return started_browser


def test_person_logs_in_on_the_docs_page_and_sees_their_items(pair: Pair, browser: Chrome) -> None:
    title = f"seen-in-chromium-{uuid4()}"
    create_item(pair, title=title)

    page = DocsPage(browser, f"{pair.base_url}/docs")
    names = page.names_in_drop_down()
    page.log_in(pair.superuser_email, pair.superuser_password)
    page.switch_to("items-service")
    status, body = page.execute_get("/api/v1/items")

    assert names == ["auth-service", "items-service"]
    assert status == "200"
    assert title in body
    assert policy_violations(browser) == []
    assert requested_hosts(browser) == {urlsplit(pair.base_url).netloc}
    assert stored_in_browser(browser) == {}


def test_link_cannot_make_the_docs_page_load_a_foreign_document(pair: Pair, browser: Chrome) -> None:
    foreign = "http://127.0.0.2:9/openapi.json"

    DocsPage(browser, f"{pair.base_url}/docs?url={foreign}&configUrl={foreign}").wait_for_title("/api/v1/auth/")

    assert policy_violations(browser) == []
    assert requested_hosts(browser) == {urlsplit(pair.base_url).netloc}


def create_item(pair: Pair, *, title: str) -> None:
    with httpx.Client(base_url=f"{pair.base_url}/api/v1", trust_env=False) as client:
        form = {"username": pair.superuser_email, "password": pair.superuser_password}
        token = client.post("/auth/login", data=form).raise_for_status().json()["access_token"]
        client.post("/items", json={"title": title}, headers={"Authorization": f"Bearer {token}"}).raise_for_status()


def policy_violations(browser: Chrome) -> list[str]:
    return [entry["message"] for entry in read_log(browser, "browser") if "Content Security Policy" in entry["message"]]


def requested_hosts(browser: Chrome) -> set[str]:
    events = [json.loads(entry["message"])["message"] for entry in read_log(browser, "performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme != "data"}


def read_log(browser: Chrome, kind: str) -> list[dict[str, str]]:
    """Return what the browser noted since the last call."""
    entries: list[dict[str, str]] = browser.get_log(kind)  # type: ignore[no-untyped-call]  # selenium leaves it untyped
    return entries


def stored_in_browser(browser: Chrome) -> dict[str, str]:
    stored: dict[str, str] = browser.execute_script("return {...localStorage, ...sessionStorage}")
    return stored
