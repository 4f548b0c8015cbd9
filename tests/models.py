"""Tiny models that tests make and save: a tokenizer trained on the spot, and random weights."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MISSING = importlib.util.find_spec("sentence_transformers") is None
needs_extra = pytest.mark.skipif(
    MISSING and os.environ.get("CURATE_REQUIRE_EXTRAS") != "1", reason="needs pip install 'curate[neural]'"
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tokenizer(texts: Sequence[str], size: int = 300) -> Any:
    """A WordPiece tokenizer with the special tokens of BERT, of `tokenizers`."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIAL)))
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return made


def write_tensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """A safetensors file."""
    names = {"float32": "F32", "float16": "F16", "int64": "I64", "float64": "F64", "int8": "I8"}
    header, place = {}, 0
    for name, values in tensors.items():
        entry = {"dtype": names[str(values.dtype)], "shape": values.shape}
        header[name] = {**entry, "data_offsets": [place, place + values.nbytes]}
        place += values.nbytes
    text = json.dumps({"__metadata__": {"format": "np"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(v.tobytes() for v in tensors.values()))


def write_static(folder: Path, texts: Sequence[str], dimensions: int = 16, seed: int = 0) -> Path:
    """A model2vec folder, with weights and a mapping of two tokens to a row."""
    folder.mkdir(parents=True)
    made = tokenizer(texts)
    made.save(str(folder / "tokenizer.json"))
    random, tokens = np.random.default_rng(seed), made.get_vocab_size()
    tensors = {
        "embeddings": random.normal(size=((tokens + 1) // 2, dimensions)).astype(np.float32),
        "mapping": np.arange(tokens) // 2,
        "weights": random.uniform(0.5, 2, size=tokens).astype(np.float32),
    }
    write_tensors(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True}))
    return folder


def write_transformer(
    folder: Path, texts: Sequence[str], positions: int = 64, vocabulary: int = 300, **sizes: int
) -> Path:
    """A folder of `transformers`: BERT, by default of two layers and 32 dimensions."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    made = tokenizer(texts, vocabulary)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, **sizes}
    config = BertConfig(vocab_size=made.get_vocab_size(), max_position_embeddings=positions, **shape)
    BertModel(config).save_pretrained(folder)
    names = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)
    return folder


def write_sentence(folder: Path, transformer: Path, *more: Any, pooling: str = "mean", **options: Any) -> Path:
    """A sentence-transformers folder around a transformer, with more modules behind the pooling."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    first = Transformer(str(transformer))
    parts = [first, Pooling(first.get_embedding_dimension(), pooling_mode=pooling), *more]
    SentenceTransformer(modules=parts, device="cpu", **options).save(str(folder))
    return folder


def write_causal(folder: Path, texts: Sequence[str], positions: int = 64, begins: bool = True) -> Path:
    """A folder of `transformers`: GPT-2 of one layer, with a token for the beginning of a text or without one."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    made = tokenizer(texts)
    torch.manual_seed(0)
    shape = {"n_embd": 16, "n_layer": 1, "n_head": 2, "initializer_range": 0.5}
    config = GPT2Config(vocab_size=made.get_vocab_size(), n_positions=positions, **shape)
    GPT2LMHeadModel(config).save_pretrained(folder)
    names = {"unk_token": "[UNK]", **({"bos_token": "[CLS]"} if begins else {})}
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)
    return folder


ARPA = """\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.5\t<unk>\t0
0\t<s>\t-0.25
-1.0\t</s>\t0
-0.5\tthe\t-0.125
-0.75\tfox\t-0.375

\\2-grams:
-0.2\t<s> the
-0.3\tthe fox
-0.1\tfox </s>

\\end\\
"""
"""A KenLM model of two words, as logarithms to the base 10."""
