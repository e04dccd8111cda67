"use strict";
// The page's data attribute carries what varies: an inline script would need a hole in the Content-Security-Policy.
window.addEventListener("DOMContentLoaded", () => {
  const root = document.getElementById("swagger-ui");
  SwaggerUIBundle({
    domNode: root,
    urls: JSON.parse(root.dataset.documents),
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [PlainTitle, OneLogin],
    layout: "StandaloneLayout",
    deepLinking: true,
    displayRequestDuration: true,
    // No ?url= and no ?configUrl=: a link must not show a foreign document under our address.
    queryConfigEnabled: false,
    // Swagger's public validator would be told our address.
    validatorUrl: null,
    // Tokens die with the tab; in localStorage they would outlive it.
    persistAuthorization: false,
  });
});

// Swagger's logo brings an inline <style>, which the policy refuses.
function PlainTitle({ React }) {
  return { components: { Logo: () => React.createElement("span", null, document.title) } };
}

// Swagger UI logs out whenever another document is chosen; ours share one login, so that emptying is left out.
function OneLogin() {
  return { statePlugins: { auth: { wrapActions: { restoreAuthorization: () => () => {} } } } };
}
