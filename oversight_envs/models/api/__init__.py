"""Models behind a server that speaks OpenAI's chat protocol: hosted ones, vLLM, SGLang, llama.cpp, Ollama.

``ApiModel("gpt-5-mini")`` or ``ApiModel("MODEL", "http://localhost:8000/v1")`` is one; ``"openai:MODEL@URL"`` names it
wherever a player's name does. Importing this package needs neither torch nor the ``openai`` client; the first call
needs the latter (``pip install 'oversight-envs[api]'``).
"""

from oversight_envs.models.api.address import PREFIX, is_api_spec, without_secrets
from oversight_envs.models.api.budget import Budget
from oversight_envs.models.api.cache import AnswerCache, CacheError
from oversight_envs.models.api.model import FEWEST_BYTES, ApiModel, check_file_handles
from oversight_envs.models.api.prices import Price, dollars, load_prices

__all__ = [
    "FEWEST_BYTES",
    "PREFIX",
    "AnswerCache",
    "ApiModel",
    "Budget",
    "CacheError",
    "Price",
    "check_file_handles",
    "dollars",
    "is_api_spec",
    "load_prices",
    "without_secrets",
]
