"""What to try, printed when the pair is up."""

PICK_FROM_JSON = r"""sed -E 's/.*"access_token": *"([^"]+)".*/\1/'"""
NEW_ITEM = """-H 'Content-Type: application/json' -d '{"title": "My first item"}'"""


def card(*, base_url: str, email: str, password: str) -> str:
    """Return the text; its three commands work when pasted into bash, sh and zsh, with nothing but curl and sed."""
    log_in = f"curl -s {base_url}/api/v1/auth/login -d username={email} -d password={password}"
    items = f'curl -sw "\\n" {base_url}/api/v1/items -H "Authorization: Bearer $TOKEN"'
    return f"""
  Tandem is up at {base_url} (Ctrl-C stops everything).

    Docs      {base_url}/docs
    E-mail    {email}
    Password  {password}

  Log in, create an item, list your items:

TOKEN=$({log_in} | {PICK_FROM_JSON})
{items} {NEW_ITEM}
{items}
"""
