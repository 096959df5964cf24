import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["static/vendor/**", "var/**", "node_modules/**", ".venv/**"] },
  js.configs.recommended,
  {
    files: ["static/js/**/*.js"],
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: "module",
      // gettext and its kin come from Django's JavaScript catalogue.
      globals: { ...globals.browser, gettext: "readonly", ngettext: "readonly", interpolate: "readonly" },
    },
  },
  { files: ["static/js/**/*worker*.js"], languageOptions: { globals: globals.worker } },
  { files: ["tests/js/**/*.js", "tests/js/**/*.mjs", "eslint.config.js"], languageOptions: { globals: globals.node } },
  {
    rules: {
      "array-callback-return": "error",
      "consistent-return": "error",
      "default-case-last": "error",
      "eqeqeq": "error",
      "no-alert": "error",
      "no-console": ["error", { allow: ["warn", "error"] }],
      "no-eval": "error",
      "no-implicit-coercion": "error",
      "no-implied-eval": "error",
      "no-param-reassign": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Text from people must not become markup: use textContent or elements." },
        { property: "outerHTML", message: "Text from people must not become markup: use textContent or elements." },
      ],
      "no-shadow": "error",
      "no-unused-expressions": "error",
      "no-use-before-define": ["error", { functions: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      "complexity": ["error", 15],
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", { max: 80, skipComments: true, skipBlankLines: true }],
    },
  },
];
