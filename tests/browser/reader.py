"""A person at a browser: signs in, reads pages, and remembers what the browser complained of."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import ConsoleMessage, Page, Response

from tests.processes import Product

# A policy that was broken is told to the page before any script of ours, by the browser itself.
WATCH_POLICY = """
document.addEventListener('securitypolicyviolation', (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
PHONE = {"width": 390, "height": 844}


class Reader:
    """Wraps Playwright's page with the product's addresses."""

    def __init__(self, page: Page, product: Product) -> None:
        self.page, self.product = page, product
        self.complaints: list[str] = []
        page.add_init_script(WATCH_POLICY)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.type}: {message.text}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{self.page.url}: {response.url} answered {response.status}")

    def open(self, path: str) -> None:
        """Go to a page of the hub; it must be there."""
        response = self.page.goto(self.product.url + path)
        assert response is not None
        assert response.status == 200, f"{path} answered {response.status}"

    def sign_in(self, email: str, password: str, path: str = "/portal/") -> None:
        """Sign in through the form a person sees."""
        self.open(path)
        self.page.locator("input[name=username]").fill(email)
        self.page.locator("input[name=password]").fill(password)
        self.page.get_by_role("button", name="Entrar", exact=True).click()
        self.page.wait_for_url(self.product.url + path)

    def links(self, within: str = "body", under: str = "/portal/") -> list[str]:
        """The addresses that a part of the page links to, each once, without their fragments."""
        found: list[Any] = self.page.locator(f"{within} a[href]").evaluate_all("all => all.map(a => a.href)")
        start = self.product.url + under
        paths = [
            one.partition("#")[0].removeprefix(self.product.url) for one in found if one.startswith(start)
        ]
        return list(dict.fromkeys(paths))

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )
